output "image" {
  description = "Where the image must be pushed; templates/build.sh does."
  value       = "${local.repository}:${var.image_tag}"
}

output "doctor" {
  description = "The command that checks all of this."
  value       = "python -m pipelines doctor --project ${var.project} --region ${var.region} --location ${var.location} --prefix ${var.prefix} --subnetwork ${local.subnetwork} --pii_key_secret ${local.pii_key_version} --machine_type ${var.machine_type} --max_workers ${var.max_workers} --window_seconds ${var.window_seconds} --topics ${join(" ", var.topics)}${local.has_key ? " --kms_key_name ${var.kms_key_name}" : ""}${local.has_image ? " --image ${local.image}" : ""}"
}

output "launch" {
  description = "The command that starts the streaming job, as jobs.tf would; with --update it replaces the running one."
  value = join(" ", concat(
    ["python -m pipelines launch streaming --project ${var.project} --region ${var.region}"],
    ["--spec gs://${google_storage_bucket.templates.name}/streaming.json --job_name ${var.prefix}-streaming"],
    ["--temp_location ${local.temp} --staging_location ${local.staging}"],
    ["--service_account_email ${google_service_account.worker.email} --subnetwork ${local.subnetwork}"],
    ["--machine_type ${var.machine_type} --max_workers ${var.max_workers} --streaming_mode ${var.streaming_mode}"],
    ["--launcher_machine_type ${var.launcher_machine_type}"],
    local.has_key ? ["--kms_key_name ${var.kms_key_name}"] : [],
    [for name, value in local.streaming_parameters : "--${name} ${value}"],
  ))
}

output "dashboard" {
  description = "The dashboard's id."
  value       = google_monitoring_dashboard.pipelines.id
}
