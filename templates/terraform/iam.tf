# Three accounts: workers touch data; the launcher may only start jobs as the workers; the scheduler may only run workflows.
resource "google_service_account" "worker" {
  account_id   = "${var.prefix}-worker"
  display_name = "Event pipelines: Dataflow workers"
  depends_on   = [google_project_service.on]
}

resource "google_service_account" "launcher" {
  account_id   = "${var.prefix}-launcher"
  display_name = "Event pipelines: launches templates"
  depends_on   = [google_project_service.on]
}

resource "google_service_account" "scheduler" {
  account_id   = "${var.prefix}-schedule"
  display_name = "Event pipelines: runs workflows on time"
  depends_on   = [google_project_service.on]
}

# Project roles that have no smaller home: leasing work, running queries, writing metrics.
resource "google_project_iam_member" "worker" {
  for_each = toset(["roles/dataflow.worker", "roles/bigquery.jobUser", "roles/monitoring.metricWriter"])
  project  = var.project
  role     = each.key
  member   = google_service_account.worker.member
}

# A replay stages its result in datasets of its own; a custom role lets it make them, and no more.
resource "google_project_iam_custom_role" "staging" {
  role_id     = "${replace(var.prefix, "-", "_")}_staging"
  title       = "Event pipelines: staging datasets of replays"
  permissions = ["bigquery.datasets.create"]
}

resource "google_project_iam_member" "staging" {
  project = var.project
  role    = google_project_iam_custom_role.staging.id
  member  = google_service_account.worker.member
}

resource "google_storage_bucket_iam_member" "worker" {
  for_each = { lake = google_storage_bucket.lake.name, temp = google_storage_bucket.temp.name }
  bucket   = each.value
  role     = "roles/storage.objectAdmin"
  member   = google_service_account.worker.member
}

resource "google_pubsub_subscription_iam_member" "worker" {
  for_each     = { for pair in setproduct(var.topics, ["roles/pubsub.subscriber", "roles/pubsub.viewer"]) : "${pair[0]} ${pair[1]}" => pair }
  subscription = google_pubsub_subscription.events[each.value[0]].id
  role         = each.value[1]
  member       = google_service_account.worker.member
}

resource "google_pubsub_topic_iam_member" "saga_alerts" {
  topic  = google_pubsub_topic.saga_alerts.id
  role   = "roles/pubsub.publisher"
  member = google_service_account.worker.member
}

resource "google_artifact_registry_repository_iam_member" "worker" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.worker.member
}

resource "google_secret_manager_secret_iam_member" "worker" {
  secret_id = google_secret_manager_secret.pii_key.id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.worker.member
}

resource "google_project_iam_member" "launcher" {
  for_each = toset(["roles/dataflow.developer", "roles/logging.logWriter"])
  project  = var.project
  role     = each.key
  member   = google_service_account.launcher.member
}

resource "google_service_account_iam_member" "launcher_acts_as_worker" {
  service_account_id = google_service_account.worker.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.launcher.member
}

resource "google_storage_bucket_iam_member" "launcher" {
  for_each = {
    templates = { bucket = google_storage_bucket.templates.name, role = "roles/storage.objectViewer" }
    temp      = { bucket = google_storage_bucket.temp.name, role = "roles/storage.objectAdmin" }
  }
  bucket = each.value.bucket
  role   = each.value.role
  member = google_service_account.launcher.member
}

# Workflows have no IAM policy of their own, and conditions do not know them (docs/decisions/0009): the role's one permission
# starts an execution. It neither reads nor cancels one, as roles/workflows.invoker could.
resource "google_project_iam_custom_role" "start_workflow" {
  role_id     = "${replace(var.prefix, "-", "_")}_start_workflow"
  title       = "Event pipelines: start a workflow"
  permissions = ["workflows.executions.create"]
}

resource "google_project_iam_member" "scheduler" {
  project = var.project
  role    = google_project_iam_custom_role.start_workflow.id
  member  = google_service_account.scheduler.member
}
