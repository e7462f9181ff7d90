# Workers have no public address; Private Google Access is how they reach Google's services.
resource "google_compute_network" "pipelines" {
  count                   = local.makes_network ? 1 : 0
  name                    = var.prefix
  auto_create_subnetworks = false
  depends_on              = [google_project_service.on]
}

resource "google_compute_subnetwork" "pipelines" {
  count                    = local.makes_network ? 1 : 0
  name                     = var.prefix
  region                   = var.region
  network                  = google_compute_network.pipelines[0].id
  ip_cidr_range            = "10.128.0.0/20"
  private_ip_google_access = true
}

# Workers of one job talk to each other where shuffle or Streaming Engine is not the service's.
resource "google_compute_firewall" "workers" {
  count       = local.makes_network ? 1 : 0
  name        = "${var.prefix}-workers"
  network     = google_compute_network.pipelines[0].id
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}

# In a Shared VPC, Dataflow's agent and the workers' account must be allowed to use the host project's subnetwork.
resource "google_compute_subnetwork_iam_member" "dataflow" {
  for_each = local.shared_vpc ? {
    agent  = "serviceAccount:${format(local.agents.dataflow, data.google_project.this[0].number)}"
    worker = google_service_account.worker.member
  } : {}
  project    = local.subnetwork_parts[1]
  region     = var.region
  subnetwork = local.subnetwork_parts[5]
  role       = "roles/compute.networkUser"
  member     = each.value
  depends_on = [google_project_service_identity.agent]
}

locals {
  subnetwork = local.makes_network ? "regions/${var.region}/subnetworks/${google_compute_subnetwork.pipelines[0].name}" : local.given_subnetwork
}
