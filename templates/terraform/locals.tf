# Names and what is computed from variables and files; no resource is read here, so `terraform console` can show it.
locals {
  labels = { application = var.prefix }

  image     = "${var.region}-docker.pkg.dev/${var.project}/${var.prefix}/event-pipelines:${var.image_tag}"
  has_image = var.image_tag != ""
  has_key   = var.kms_key_name != ""
  kms_key   = local.has_key ? var.kms_key_name : null

  buckets = {
    lake      = "${var.project}-${var.prefix}-lake"
    temp      = "${var.project}-${var.prefix}-temp"
    templates = "${var.project}-${var.prefix}-templates"
  }
  lake = "gs://${local.buckets.lake}"

  services = toset(concat(
    [
      "artifactregistry", "bigquery", "bigquerystorage", "cloudresourcemanager", "cloudscheduler", "compute", "dataflow",
      "iam", "iamcredentials", "logging", "monitoring", "pubsub", "secretmanager", "storage", "workflowexecutions",
      "workflows",
    ],
    local.has_key ? ["cloudkms"] : [],
    var.lake_tables ? ["bigqueryconnection"] : [],
    var.budget.billing_account == "" ? [] : ["billingbudgets"],
  ))

  # The stores, exported from schemas/ by `python -m pipelines provision --export templates/bigquery`.
  bigquery  = "${path.module}/../bigquery"
  resources = jsondecode(file("${local.bigquery}/resources.json"))
  names = {
    project        = var.project
    event_store    = "event_store"
    analytics      = "analytics"
    window_seconds = var.window_seconds
  }
  expiry_ms = {
    event_store = var.event_store_expiry_days == 0 ? null : var.event_store_expiry_days * 86400000
    analytics   = null
  }
  # A view that reads views is created after them: three levels suffice, held by a test.
  views = local.resources.views
  views_1 = {
    for name, view in local.views : name => view if length(setintersection(view.needs, keys(local.views))) == 0
  }
  views_2 = {
    for name, view in local.views : name => view
    if !contains(keys(local.views_1), name) && length(setsubtract(setintersection(view.needs, keys(local.views)), keys(local.views_1))) == 0
  }
  views_3 = {
    for name, view in local.views : name => view if !contains(concat(keys(local.views_1), keys(local.views_2)), name)
  }

  # Alerts and dashboard are files of Google's own form.
  monitoring = "${path.module}/../monitoring"
  monitoring_values = merge(
    { prefix = var.prefix, metric_prefix = replace(var.prefix, "-", "_"), runbooks = var.runbooks },
    var.thresholds,
  )
  policies = {
    for file in fileset("${local.monitoring}/policies", "*.yaml") :
    trimsuffix(file, ".yaml") => yamldecode(templatefile("${local.monitoring}/policies/${file}", local.monitoring_values))
    if local.scheduled || !contains(["schedule-missed.yaml", "redrive-missed.yaml"], file)
  }
  dashboard = templatefile("${local.monitoring}/dashboard.json", local.monitoring_values)

  # Schedules: what each workflow launches.
  scheduled = local.has_image && var.schedules.enabled
  schedules = {
    replay-check = {
      cron        = var.schedules.replay_check
      description = "Replays yesterday beside the live tables and compares: any difference is an alert."
      template    = "replay"
      parameters  = { source = "archive", mode = "shadow", period = "previous-day", into = "replay_check", compare = "true" }
    }
    backfill = {
      cron        = var.schedules.backfill
      description = "Adds what the tables lack of the last hour, and nothing twice."
      template    = "replay"
      parameters  = { source = "archive", mode = "backfill", period = "previous-hour" }
    }
    redrive = {
      cron        = var.schedules.redrive
      description = "Redrives last week's dead letters."
      template    = "redrive"
      parameters  = {}
    }
  }
}
