# Names and what is computed from variables and files; no resource is read here, so `terraform console` can show it.
locals {
  labels = { application = var.prefix }

  repository = "${var.region}-docker.pkg.dev/${var.project}/${var.prefix}/event-pipelines"
  image      = var.image_digest == "" ? "${local.repository}:${var.image_tag}" : "${local.repository}@${var.image_digest}"
  has_image  = var.image_tag != ""
  has_key    = var.kms_key_name != ""
  has_api    = var.api.image_tag != ""
  api_image  = "${var.region}-docker.pkg.dev/${var.project}/${var.prefix}/api:${var.api.image_tag}"
  kms_key    = local.has_key ? var.kms_key_name : null

  # The secret of the key for personal data, at the version that all jobs use until it is changed here.
  pii_key_secret  = "projects/${var.project}/secrets/${var.prefix}-pii-key"
  pii_key_version = "${local.pii_key_secret}/versions/${var.pii_key_version}"

  buckets = {
    lake      = "${var.project}-${var.prefix}-lake"
    temp      = "${var.project}-${var.prefix}-temp"
    templates = "${var.project}-${var.prefix}-templates"
  }
  lake    = "gs://${local.buckets.lake}"
  temp    = "gs://${local.buckets.temp}/temp"
  staging = "gs://${local.buckets.temp}/staging"

  services = toset(concat(
    [
      "artifactregistry", "bigquery", "bigquerystorage", "cloudresourcemanager", "cloudscheduler", "compute", "dataflow",
      "iam", "iamcredentials", "logging", "monitoring", "pubsub", "secretmanager", "storage", "workflowexecutions",
      "workflows",
    ],
    local.has_key ? ["cloudkms"] : [],
    local.has_api ? ["run", "sqladmin"] : [],
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
  # A member as an entry of a dataset's access list: its kind is the field that names it there.
  member_fields = {
    user           = "user_by_email"
    serviceAccount = "user_by_email"
    group          = "group_by_email"
    domain         = "domain"
    principal      = "iam_member"
    principalSet   = "iam_member"
  }
  readers = {
    for grant in concat(
      [for member in var.readers : { dataset = "analytics", member = member }],
      [for member in var.restricted_readers : { dataset = "event_store", member = member }],
      ) : "${grant.dataset} ${grant.member}" => {
      dataset = grant.dataset
      kind    = local.member_fields[split(":", grant.member)[0]]
      name = (
        local.member_fields[split(":", grant.member)[0]] == "iam_member"
        ? grant.member
        : substr(grant.member, length(split(":", grant.member)[0]) + 1, -1)
      )
    }
  }
  authorized = {
    for pair in flatten([
      for dataset, names in local.resources.may_read : [for name in names : { dataset = dataset, name = name }]
    ]) : "${pair.name} reads ${pair.dataset}" => pair
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
    if(local.scheduled || !contains(["schedule-missed.yaml", "redrive-missed.yaml"], file)) && (local.has_api || !startswith(file, "api-"))
  }
  dashboard = templatefile("${local.monitoring}/dashboard.json", local.monitoring_values)

  # What every job of the store must agree on; the stream and the schedules take it from here.
  job_parameters = {
    lake                     = local.lake
    location                 = var.location
    window_seconds           = tostring(var.window_seconds)
    allowed_lateness_seconds = tostring(var.allowed_lateness_seconds)
    saga_timeout_minutes     = tostring(var.saga_timeout_minutes)
    pii_key_secret           = local.pii_key_version
  }
  stream_parameters = merge(local.job_parameters, { dedup_horizon = tostring(var.dedup_horizon) })

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
  schedule_parameters = {
    for name, schedule in local.schedules :
    name => merge(local.job_parameters, { pipeline = schedule.template }, schedule.parameters)
  }
  schedule_environment = {
    machineType         = var.machine_type
    maxWorkers          = var.max_workers
    tempLocation        = local.temp
    stagingLocation     = local.staging
    sdkContainerImage   = local.image
    ipConfiguration     = "WORKER_IP_PRIVATE"
    launcherMachineType = var.launcher_machine_type
  }

  # Where the subnetwork is: this project, or the host project of a Shared VPC, which Dataflow takes as a complete URL only.
  subnetwork_parts = split("/", var.subnetwork)
  shared_vpc       = startswith(var.subnetwork, "projects/") && try(local.subnetwork_parts[1], "") != var.project
  given_subnetwork = (
    startswith(var.subnetwork, "projects/")
    ? "https://www.googleapis.com/compute/v1/${var.subnetwork}"
    : var.subnetwork
  )
  makes_network = var.network == "" && var.subnetwork == ""
}
