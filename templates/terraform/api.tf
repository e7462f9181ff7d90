# The Analytics API on Cloud Run. The service checks tokens and scopes itself; a gateway may be in front of it.
resource "google_service_account" "api" {
  count        = local.has_api ? 1 : 0
  account_id   = "${var.prefix}-api"
  display_name = "Event pipelines: Analytics API"
  depends_on   = [google_project_service.on]
}

resource "google_project_iam_member" "api" {
  for_each = local.has_api ? toset(["roles/bigquery.jobUser", "roles/monitoring.metricWriter"]) : toset([])
  project  = var.project
  role     = each.key
  member   = google_service_account.api[0].member
}

resource "google_bigquery_dataset_access" "api" {
  for_each      = local.has_api ? google_bigquery_dataset.store : {}
  dataset_id    = each.value.dataset_id
  role          = "READER"
  user_by_email = google_service_account.api[0].email
}

resource "google_pubsub_topic_iam_member" "api" {
  for_each = local.has_api ? var.topics : toset([])
  topic    = google_pubsub_topic.events[each.key].id
  role     = "roles/pubsub.publisher"
  member   = google_service_account.api[0].member
}

locals {
  api_url = local.has_api ? "postgresql://${urlencode(google_sql_user.read_model["api"].name)}@/${google_sql_database.read_model[0].name}?cloud_sql=${google_sql_database_instance.read_model[0].connection_name}" : ""
}

resource "google_cloud_run_v2_service" "api" {
  count                = local.has_api ? 1 : 0
  name                 = "${var.prefix}-api"
  location             = var.region
  ingress              = var.api.ingress
  labels               = local.labels
  deletion_protection  = var.deletion_protection
  invoker_iam_disabled = true # callers have tokens of their own issuer, which the service verifies

  template {
    service_account                  = google_service_account.api[0].email
    timeout                          = "60s"
    max_instance_request_concurrency = 80
    encryption_key                   = local.kms_key

    scaling {
      min_instance_count = var.api.min_instances
      max_instance_count = var.api.max_instances
    }

    containers {
      name  = "api"
      image = local.api_image
      args = [
        "--host", "0.0.0.0", "--port", "8080", "--behind_proxy", "--read_model", local.api_url,
        "--issuer", var.api.issuer, "--audience", var.api.audience, "--jwks", var.api.jwks,
        "--project", var.project, "--publish_project", var.project, "--max_bytes_billed", "107374182400",
      ]

      ports {
        container_port = 8080
      }

      resources {
        limits            = { cpu = "1", memory = "1Gi" }
        startup_cpu_boost = true
      }

      startup_probe {
        initial_delay_seconds = 2
        period_seconds        = 5
        failure_threshold     = 12
        http_get {
          path = "/ready"
          port = 8080
        }
      }

      liveness_probe {
        period_seconds = 30
        http_get {
          path = "/health"
          port = 8080
        }
      }
    }

    # Google's collector reads /metrics of the container beside it; the alert policies read what it collects.
    containers {
      name       = "collector"
      image      = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar:1.2.0"
      depends_on = ["api"]
    }
  }

  depends_on = [google_project_iam_member.read_model, google_project_iam_member.api]
}
