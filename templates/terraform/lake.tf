# External tables over the lake's feeds (BigLake): readers need no access to the bucket. Their schema is that of the files, so
# they can be created only once there are files: `lake_tables = true` after the first hour (docs/lake.md).
resource "google_bigquery_connection" "lake" {
  count         = var.lake_tables ? 1 : 0
  connection_id = "${var.prefix}-lake"
  location      = var.location
  description   = "Reads the lake for the external tables of the dataset lake."

  cloud_resource {}

  depends_on = [google_project_service.on]
}

resource "google_storage_bucket_iam_member" "lake_connection" {
  count  = var.lake_tables ? 1 : 0
  bucket = google_storage_bucket.lake.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_bigquery_connection.lake[0].cloud_resource[0].service_account_id}"
}

resource "google_bigquery_dataset" "lake" {
  count       = var.lake_tables ? 1 : 0
  dataset_id  = "lake"
  location    = var.location
  description = "External tables over the Parquet files of the lake, partitioned by dt and hour."
  labels      = local.labels

  dynamic "default_encryption_configuration" {
    for_each = local.has_key ? [local.kms_key] : []
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  lifecycle {
    ignore_changes = [access] # granted below, one by one
  }
}

resource "google_bigquery_dataset_access" "lake_reader" {
  for_each       = { for key, reader in local.readers : key => reader if var.lake_tables && reader.dataset == "analytics" }
  dataset_id     = google_bigquery_dataset.lake[0].dataset_id
  role           = "READER"
  user_by_email  = each.value.kind == "user_by_email" ? each.value.name : null
  group_by_email = each.value.kind == "group_by_email" ? each.value.name : null
  domain         = each.value.kind == "domain" ? each.value.name : null
  iam_member     = each.value.kind == "iam_member" ? each.value.name : null
}

resource "google_bigquery_table" "feed" {
  for_each            = var.lake_tables ? local.resources.external_tables : {}
  dataset_id          = google_bigquery_dataset.lake[0].dataset_id
  table_id            = each.value.table
  description         = each.value.description
  labels              = local.labels
  deletion_protection = false # dropping it deletes no file

  external_data_configuration {
    autodetect    = true
    source_format = each.value.format
    source_uris   = ["${local.lake}/${each.value.folder}/*.parquet"] # not the manifests, nor hidden files
    connection_id = google_bigquery_connection.lake[0].name

    hive_partitioning_options {
      mode              = "CUSTOM"
      source_uri_prefix = "${local.lake}/${each.value.folder}/${join("/", [for part in each.value.partitions : "{${part.name}:${part.type}}"])}"
    }
  }

  depends_on = [google_storage_bucket_iam_member.lake_connection]
}
