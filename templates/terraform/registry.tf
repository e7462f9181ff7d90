resource "google_artifact_registry_repository" "images" {
  repository_id = var.prefix
  location      = var.region
  format        = "DOCKER"
  description   = "The image of launcher and workers."
  labels        = local.labels
  kms_key_name  = local.kms_key

  docker_config {
    immutable_tags = true # a version is one image for ever: workers of one job start at any time
  }

  depends_on = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}
