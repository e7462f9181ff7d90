# Who may read and write the datasets. Each grant is an entry of the dataset's access list, members and authorized views
# alike: the provider's IAM resources for datasets rewrite that list and remove authorized views (docs/decisions/0009).
# The roles have the names that the API returns: READER is roles/bigquery.dataViewer, WRITER roles/bigquery.dataEditor.
resource "google_bigquery_dataset_access" "worker" {
  for_each      = google_bigquery_dataset.store
  dataset_id    = each.value.dataset_id
  role          = "WRITER"
  user_by_email = google_service_account.worker.email
}

resource "google_bigquery_dataset_access" "reader" {
  for_each       = local.readers
  dataset_id     = google_bigquery_dataset.store[each.value.dataset].dataset_id
  role           = "READER"
  user_by_email  = each.value.kind == "user_by_email" ? each.value.name : null
  group_by_email = each.value.kind == "group_by_email" ? each.value.name : null
  domain         = each.value.kind == "domain" ? each.value.name : null
  iam_member     = each.value.kind == "iam_member" ? each.value.name : null
}

# Views and table functions that read another dataset on their readers' behalf.
resource "google_bigquery_dataset_access" "view" {
  for_each   = { for key, grant in local.authorized : key => grant if contains(keys(local.views), grant.name) }
  dataset_id = google_bigquery_dataset.store[each.value.dataset].dataset_id

  view {
    project_id = var.project
    dataset_id = split(".", each.value.name)[0]
    table_id   = split(".", each.value.name)[1]
  }

  depends_on = [google_bigquery_table.view_1, google_bigquery_table.view_2, google_bigquery_table.view_3]
}

resource "google_bigquery_dataset_access" "routine" {
  for_each   = { for key, grant in local.authorized : key => grant if contains(keys(local.resources.functions), grant.name) }
  dataset_id = google_bigquery_dataset.store[each.value.dataset].dataset_id

  routine {
    project_id = var.project
    dataset_id = split(".", each.value.name)[0]
    routine_id = split(".", each.value.name)[1]
  }

  depends_on = [google_bigquery_routine.as_of]
}
