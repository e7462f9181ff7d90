# Workers have no public address; Private Google Access is how they reach Google's services.
resource "google_compute_network" "pipelines" {
  count                   = var.network == "" ? 1 : 0
  name                    = var.prefix
  auto_create_subnetworks = false
  depends_on              = [google_project_service.on]
}

resource "google_compute_subnetwork" "pipelines" {
  count                    = var.network == "" ? 1 : 0
  name                     = var.prefix
  region                   = var.region
  network                  = google_compute_network.pipelines[0].id
  ip_cidr_range            = "10.128.0.0/20"
  private_ip_google_access = true
}

# Workers of one job talk to each other where shuffle or Streaming Engine is not the service's.
resource "google_compute_firewall" "workers" {
  count       = var.network == "" ? 1 : 0
  name        = "${var.prefix}-workers"
  network     = google_compute_network.pipelines[0].id
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}

locals {
  subnetwork = var.network == "" ? "regions/${var.region}/subnetworks/${google_compute_subnetwork.pipelines[0].name}" : var.subnetwork
}
