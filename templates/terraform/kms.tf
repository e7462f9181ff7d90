# With a key of one's own, Google's services encrypt in the name of their agents, which must be allowed to use it. An agent
# exists only once it was asked for: the first apply in a new project would grant to nobody.
data "google_project" "this" {
  count      = local.has_key || local.shared_vpc ? 1 : 0
  depends_on = [google_project_service.on]
}

locals {
  agents = {
    artifactregistry = "service-%s@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    bigquery         = "bq-%s@bigquery-encryption.iam.gserviceaccount.com"
    compute          = "service-%s@compute-system.iam.gserviceaccount.com"
    dataflow         = "service-%s@dataflow-service-producer-prod.iam.gserviceaccount.com"
    pubsub           = "service-%s@gcp-sa-pubsub.iam.gserviceaccount.com"
    secretmanager    = "service-%s@gcp-sa-secretmanager.iam.gserviceaccount.com"
    storage          = "service-%s@gs-project-accounts.iam.gserviceaccount.com"
    workflows        = "service-%s@gcp-sa-workflows.iam.gserviceaccount.com"
  }
  agents_on_request = ["artifactregistry", "dataflow", "pubsub", "secretmanager", "workflows"]
}

resource "google_project_service_identity" "agent" {
  provider   = google-beta
  for_each   = toset(local.has_key || local.shared_vpc ? local.agents_on_request : [])
  project    = var.project
  service    = "${each.key}.googleapis.com"
  depends_on = [google_project_service.on]
}

# These two are created by being read.
data "google_bigquery_default_service_account" "agent" {
  count      = local.has_key ? 1 : 0
  depends_on = [google_project_service.on]
}

data "google_storage_project_service_account" "agent" {
  count      = local.has_key ? 1 : 0
  depends_on = [google_project_service.on]
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each      = local.has_key ? local.agents : {}
  crypto_key_id = local.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${format(each.value, data.google_project.this[0].number)}"

  depends_on = [
    google_project_service_identity.agent,
    data.google_bigquery_default_service_account.agent,
    data.google_storage_project_service_account.agent,
  ]
}
