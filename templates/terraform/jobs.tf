# The streaming job. A change of parameters replaces it with an update that keeps its state; `launch streaming --update`
# does the same and checks the new graph against the running one first.
locals {
  streaming_parameters = merge(
    { for topic in var.topics : replace(topic, "-", "_") => google_pubsub_subscription.events[topic].id },
    local.stream_parameters,
    { saga_alerts_topic = google_pubsub_topic.saga_alerts.id },
  )
}

resource "google_dataflow_flex_template_job" "streaming" {
  provider                = google-beta
  count                   = var.start_streaming && local.has_image ? 1 : 0
  name                    = "${var.prefix}-streaming"
  region                  = var.region
  container_spec_gcs_path = "gs://${google_storage_bucket.templates.name}/${google_storage_bucket_object.spec["streaming"].name}"
  on_delete               = "drain"
  labels                  = merge(local.labels, { template = "streaming" })

  service_account_email   = google_service_account.worker.email
  temp_location           = local.temp
  staging_location        = local.staging
  machine_type            = var.machine_type
  launcher_machine_type   = var.launcher_machine_type
  max_workers             = var.max_workers
  autoscaling_algorithm   = "THROUGHPUT_BASED"
  enable_streaming_engine = true
  sdk_container_image     = local.image
  subnetwork              = local.subnetwork
  ip_configuration        = "WORKER_IP_PRIVATE"
  kms_key_name            = local.kms_key
  additional_experiments  = var.streaming_mode == "at_least_once" ? ["streaming_mode_at_least_once"] : []

  parameters = merge(local.streaming_parameters, { pipeline = "streaming" })

  depends_on = [
    google_artifact_registry_repository_iam_member.worker,
    google_bigquery_dataset_access.worker,
    google_bigquery_table.view_3,
    google_project_iam_member.worker,
    google_pubsub_subscription_iam_member.worker,
    google_secret_manager_secret_iam_member.worker,
    google_storage_bucket_iam_member.worker,
    google_compute_subnetwork_iam_member.dataflow,
  ]

  # `launch scale` changes the bounds of the running job without replacing it; a plan must not change them back.
  lifecycle {
    ignore_changes = [max_workers]
  }
}
