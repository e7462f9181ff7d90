resource "google_storage_bucket" "lake" {
  name                        = local.buckets.lake
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection

  versioning {
    enabled = true
  }

  soft_delete_policy {
    retention_duration_seconds = 604800
  }

  # What was deleted or replaced is gone after 7 days as a version and 7 more of soft delete. No condition on newer versions:
  # a deleted object has none, and would stay for ever (docs/personal-data.md).
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 7
      with_state                 = "ARCHIVED"
    }
    action {
      type = "Delete"
    }
  }

  lifecycle_rule {
    condition {
      age            = 90
      matches_prefix = ["archive/"]
    }
    action {
      type          = "SetStorageClass"
      storage_class = "NEARLINE"
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.archive_retention_days == 0 ? [] : [var.archive_retention_days]
    content {
      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["archive/"]
      }
      action {
        type = "Delete"
      }
    }
  }

  lifecycle_rule {
    condition {
      age            = 14
      matches_prefix = [".replay/", ".shadow/"]
    }
    action {
      type = "Delete"
    }
  }

  dynamic "encryption" {
    for_each = local.has_key ? [local.kms_key] : []
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}

# Dataflow's temp and staged files. A job's graph is read again by its update, so they live as long as a job may.
resource "google_storage_bucket" "temp" {
  name                        = local.buckets.temp
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    condition {
      age            = 14
      matches_prefix = ["temp/"]
    }
    action {
      type = "Delete"
    }
  }

  dynamic "encryption" {
    for_each = local.has_key ? [local.kms_key] : []
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}

resource "google_storage_bucket" "templates" {
  name                        = local.buckets.templates
  location                    = var.region
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  versioning {
    enabled = true
  }

  dynamic "encryption" {
    for_each = local.has_key ? [local.kms_key] : []
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}

# Container specs: what `python -m pipelines template-spec` prints, made of each template's metadata.json.
resource "google_storage_bucket_object" "spec" {
  for_each     = local.has_image ? toset(["streaming", "replay", "redrive"]) : toset([])
  bucket       = google_storage_bucket.templates.name
  name         = "${each.key}.json"
  content_type = "application/json"
  content = jsonencode({
    image    = local.image
    sdkInfo  = { language = "PYTHON" }
    metadata = jsondecode(file("${path.module}/../${each.key}/metadata.json"))
    defaultEnvironment = {
      sdkContainerImage     = local.image
      enableStreamingEngine = each.key == "streaming"
    }
  })
}
