output "image" {
  description = "Where the image must be pushed; templates/build.sh does."
  value       = local.image
}

output "doctor" {
  description = "The command that checks all of this."
  value       = "python -m pipelines doctor --project ${var.project} --region ${var.region} --location ${var.location} --prefix ${var.prefix} --subnetwork ${local.subnetwork} --pii_key_secret ${google_secret_manager_secret.pii_key.id}/versions/latest"
}

output "launch" {
  description = "The command that starts the streaming job."
  value = join(" ", concat(
    ["python -m pipelines launch streaming --project ${var.project} --region ${var.region}"],
    ["--spec gs://${google_storage_bucket.templates.name}/streaming.json --lake ${local.lake}"],
    ["--service_account_email ${google_service_account.worker.email} --subnetwork ${local.subnetwork}"],
    ["--temp_location gs://${google_storage_bucket.temp.name}/temp --staging_location gs://${google_storage_bucket.temp.name}/staging"],
    [for topic in var.topics : "--${replace(topic, "-", "_")} ${google_pubsub_subscription.events[topic].id}"],
  ))
}

output "dashboard" {
  description = "The dashboard's id."
  value       = google_monitoring_dashboard.pipelines.id
}
