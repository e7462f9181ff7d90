# Cloud Scheduler's body is fixed text, so a Workflow computes the day, launches the template and waits for its end.
resource "google_workflows_workflow" "launch" {
  for_each            = local.has_image ? local.schedules : {}
  name                = "${var.prefix}-${each.key}"
  region              = var.region
  description         = each.value.description
  labels              = local.labels
  service_account     = google_service_account.launcher.id
  deletion_protection = false
  source_contents     = file("${path.module}/../schedules/launch.yaml")

  crypto_key_name = local.kms_key

  # One JSON object each: a workflow's environment may hold 20 variables of text.
  user_env_vars = {
    REGION     = var.region
    JOB_PREFIX = "${var.prefix}-${each.key}"
    TEMPLATE   = each.value.template
    SPEC       = "gs://${google_storage_bucket.templates.name}/${google_storage_bucket_object.spec[each.value.template].name}"
    PARAMETERS = jsonencode(local.schedule_parameters[each.key])
    ENVIRONMENT = jsonencode(merge(
      local.schedule_environment,
      { serviceAccountEmail = google_service_account.worker.email, subnetwork = local.subnetwork },
      local.has_key ? { kmsKeyName = var.kms_key_name } : {},
    ))
  }

  depends_on = [google_kms_crypto_key_iam_member.agent, google_bigquery_dataset_access.worker]
}

resource "google_cloud_scheduler_job" "launch" {
  for_each         = local.has_image ? local.schedules : {}
  name             = "${var.prefix}-${each.key}"
  region           = var.region
  description      = each.value.description
  schedule         = each.value.cron
  time_zone        = "Etc/UTC"
  attempt_deadline = "180s"
  paused           = !var.schedules.enabled

  retry_config {
    retry_count          = 3
    min_backoff_duration = "60s"
    max_backoff_duration = "600s"
    max_doublings        = 3
  }

  http_target {
    uri         = "https://workflowexecutions.googleapis.com/v1/${google_workflows_workflow.launch[each.key].id}/executions"
    http_method = "POST"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode({ argument = "{}" }))

    oauth_token {
      service_account_email = google_service_account.scheduler.email
    }
  }

  depends_on = [google_project_iam_member.scheduler]
}
