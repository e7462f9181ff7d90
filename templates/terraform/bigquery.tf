resource "google_bigquery_dataset" "store" {
  for_each                   = local.resources.datasets
  dataset_id                 = each.key
  location                   = var.location
  description                = each.value.description
  labels                     = merge(local.labels, each.value.labels)
  delete_contents_on_destroy = !var.deletion_protection

  dynamic "default_encryption_configuration" {
    for_each = local.has_key ? [local.kms_key] : []
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  lifecycle {
    ignore_changes = [access] # granted below, one by one
  }

  depends_on = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}

resource "google_bigquery_table" "table" {
  for_each            = local.resources.tables
  dataset_id          = google_bigquery_dataset.store[each.value.dataset].dataset_id
  table_id            = each.value.table
  description         = each.value.description
  schema              = file("${local.bigquery}/${each.value.schema}")
  clustering          = each.value.clustering
  labels              = local.labels
  deletion_protection = var.deletion_protection

  time_partitioning {
    type          = each.value.partition_type
    field         = each.value.partition_field
    expiration_ms = local.expiry_ms[each.value.dataset]
  }
}

resource "google_bigquery_table" "view_1" {
  for_each            = local.views_1
  dataset_id          = google_bigquery_dataset.store[each.value.dataset].dataset_id
  table_id            = each.value.view
  description         = each.value.description
  labels              = local.labels
  deletion_protection = false

  view {
    query          = templatefile("${local.bigquery}/${each.value.query}", local.names)
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.table]
}

resource "google_bigquery_table" "view_2" {
  for_each            = local.views_2
  dataset_id          = google_bigquery_dataset.store[each.value.dataset].dataset_id
  table_id            = each.value.view
  description         = each.value.description
  labels              = local.labels
  deletion_protection = false

  view {
    query          = templatefile("${local.bigquery}/${each.value.query}", local.names)
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.view_1]
}

resource "google_bigquery_table" "view_3" {
  for_each            = local.views_3
  dataset_id          = google_bigquery_dataset.store[each.value.dataset].dataset_id
  table_id            = each.value.view
  description         = each.value.description
  labels              = local.labels
  deletion_protection = false

  view {
    query          = templatefile("${local.bigquery}/${each.value.query}", local.names)
    use_legacy_sql = false
  }

  depends_on = [google_bigquery_table.view_2]
}

resource "google_bigquery_routine" "as_of" {
  for_each        = local.resources.functions
  dataset_id      = google_bigquery_dataset.store[each.value.dataset].dataset_id
  routine_id      = each.value.function
  routine_type    = "TABLE_VALUED_FUNCTION"
  language        = "SQL"
  description     = each.value.description
  definition_body = templatefile("${local.bigquery}/${each.value.query}", local.names)

  dynamic "arguments" {
    for_each = each.value.arguments
    content {
      name      = arguments.value.name
      data_type = jsonencode({ typeKind = arguments.value.type })
    }
  }

  depends_on = [google_bigquery_table.view_3]
}
