# With a key of one's own, Google's services encrypt in the name of their agents, which must be allowed to use it.
data "google_project" "this" {
  count      = local.has_key ? 1 : 0
  depends_on = [google_project_service.on]
}

locals {
  agents = {
    artifactregistry = "service-%s@gcp-sa-artifactregistry.iam.gserviceaccount.com"
    bigquery         = "bq-%s@bigquery-encryption.iam.gserviceaccount.com"
    compute          = "service-%s@compute-system.iam.gserviceaccount.com"
    dataflow         = "service-%s@dataflow-service-producer-prod.iam.gserviceaccount.com"
    pubsub           = "service-%s@gcp-sa-pubsub.iam.gserviceaccount.com"
    storage          = "service-%s@gs-project-accounts.iam.gserviceaccount.com"
  }
}

resource "google_kms_crypto_key_iam_member" "agent" {
  for_each      = local.has_key ? local.agents : {}
  crypto_key_id = local.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = "serviceAccount:${format(each.value, data.google_project.this[0].number)}"
}
