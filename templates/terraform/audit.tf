# Who read personal data: Cloud Audit Logs' data access logs of the services that hold it. BigQuery's are always on and
# cannot be turned off; the others are off unless a project asks for them, and are billed as log volume.
resource "google_project_iam_audit_config" "data_access" {
  for_each = toset(var.audit_logs ? local.audited : [])
  project  = var.project
  service  = "${each.key}.googleapis.com"

  dynamic "audit_log_config" {
    for_each = ["DATA_READ", "DATA_WRITE"]
    content {
      log_type = audit_log_config.value
      # The workers' own reads and writes are the pipeline: millions of lines that say nothing of a person's access.
      exempted_members = [google_service_account.worker.member]
    }
  }
}

# Changes of a secret or key are admin activity, which is always logged; these are their uses.
locals {
  audited = concat(["secretmanager", "storage"], local.has_key ? ["cloudkms"] : [])
}
