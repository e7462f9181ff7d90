variable "project" {
  description = "Project id; it must exist and have billing."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id: 6 to 30 lower-case letters, digits and dashes."
  }
}

variable "region" {
  description = "Where Dataflow, buckets, image and schedules are, such as europe-west1."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west1, not a zone."
  }
}

variable "location" {
  description = "Where BigQuery keeps the datasets: a region, EU or US."
  type        = string
  default     = "EU"
  validation {
    condition     = can(regex("^(EU|US|[a-z]+-[a-z]+[0-9]+)$", var.location))
    error_message = "location must be EU, US or a region such as europe-west1."
  }
}

variable "prefix" {
  description = "How all names begin; the doctor takes it as --prefix."
  type        = string
  default     = "event-pipelines"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,17}$", var.prefix))
    error_message = "prefix must be 3 to 18 lower-case letters, digits and dashes: service accounts are named by it."
  }
}

variable "topics" {
  description = "Short names of the topics that are read."
  type        = set(string)
  default     = ["orders", "customers", "inventory", "iot-events"]
  validation {
    condition     = length(var.topics) > 0 && alltrue([for topic in var.topics : contains(["orders", "customers", "inventory", "iot-events"], topic)])
    error_message = "topics must be some of orders, customers, inventory, iot-events."
  }
}

variable "image_tag" {
  description = "Version of the image that the jobs run; empty until the first image is pushed: then no job is made."
  type        = string
  default     = ""
  validation {
    condition     = var.image_tag != "latest"
    error_message = "image_tag must be a version: workers start at any time, and must all run the same code."
  }
}

variable "image_digest" {
  description = "Digest of that version, as templates/build.sh prints it; jobs then name the image by it. Empty: by the tag."
  type        = string
  default     = ""
  validation {
    condition     = var.image_digest == "" || can(regex("^sha256:[0-9a-f]{64}$", var.image_digest))
    error_message = "image_digest must be sha256: and 64 hexadecimal digits."
  }
  validation {
    condition     = var.image_digest == "" || var.image_tag != ""
    error_message = "image_digest needs image_tag, the version that it is of."
  }
}

variable "pii_key_version" {
  description = "Version of the secret with the key for personal data; a number, so that all workers of all jobs use one key."
  type        = string
  default     = "1"
  validation {
    condition     = can(regex("^[1-9][0-9]*$", var.pii_key_version))
    error_message = "pii_key_version must be the number of a version: `latest` would change under running jobs."
  }
}

variable "start_streaming" {
  description = "Whether Terraform starts the streaming job. Off where `launch streaming` does, which checks updates first."
  type        = bool
  default     = false
  validation {
    condition     = !var.start_streaming || var.image_tag != ""
    error_message = "start_streaming needs image_tag: there is no job without an image."
  }
}

variable "streaming_mode" {
  description = "exactly_once, or at_least_once, which is cheaper; the views count each event once either way."
  type        = string
  default     = "exactly_once"
  validation {
    condition     = contains(["exactly_once", "at_least_once"], var.streaming_mode)
    error_message = "streaming_mode must be exactly_once or at_least_once."
  }
}

variable "machine_type" {
  description = "Of the workers."
  type        = string
  default     = "n2-standard-2"
  validation {
    condition     = can(regex("^[a-z][a-z0-9]*-[a-z]+-?[a-z0-9-]*$", var.machine_type))
    error_message = "machine_type must be a machine type such as n2-standard-2."
  }
}

variable "launcher_machine_type" {
  description = "Of the launcher, which runs for minutes and builds the graph."
  type        = string
  default     = "n2-standard-2"
  validation {
    condition     = can(regex("^[a-z][a-z0-9]*-[a-z]+-?[a-z0-9-]*$", var.launcher_machine_type))
    error_message = "launcher_machine_type must be a machine type such as n2-standard-2."
  }
}

variable "max_workers" {
  description = "Maximum number of workers of a job when it starts; `python -m pipelines plan --rate R` computes it."
  type        = number
  default     = 10
  validation {
    condition     = var.max_workers >= 1 && var.max_workers <= 1000 && floor(var.max_workers) == var.max_workers
    error_message = "max_workers must be a whole number from 1 to 1000."
  }
}

variable "network" {
  description = "VPC network of the workers, with a subnetwork of it; both empty makes one that reaches Google's services privately."
  type        = string
  default     = ""
  validation {
    condition     = var.network == "" || var.subnetwork != ""
    error_message = "network needs subnetwork; a subnetwork alone suffices."
  }
}

variable "subnetwork" {
  description = "regions/R/subnetworks/S; of a Shared VPC projects/HOST/regions/R/subnetworks/S. Needs Private Google Access."
  type        = string
  default     = ""
  validation {
    condition     = var.subnetwork == "" || can(regex("^(projects/[a-z][a-z0-9:.-]+/)?regions/[a-z0-9-]+/subnetworks/[a-z0-9-]+$", var.subnetwork))
    error_message = "subnetwork must be regions/REGION/subnetworks/NAME, or projects/HOST/regions/REGION/subnetworks/NAME."
  }
  validation {
    condition     = var.subnetwork == "" || can(regex("regions/${var.region}/", var.subnetwork))
    error_message = "subnetwork must be of var.region: workers are there."
  }
}

variable "kms_key_name" {
  description = "Customer-managed key of buckets, datasets, topics, image and jobs; empty: Google's."
  type        = string
  default     = ""
  validation {
    condition     = var.kms_key_name == "" || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key_name))
    error_message = "kms_key_name must be projects/P/locations/L/keyRings/R/cryptoKeys/K."
  }
  validation {
    condition     = var.kms_key_name == "" || (try(split("/", var.kms_key_name)[3], "") == var.region && var.location == var.region)
    error_message = "kms_key_name must be a key of var.region, and location that region: a key encrypts where it is."
  }
}

variable "archive_retention_days" {
  description = "After so many days an archived message is deleted; 0: never. Replay reaches back as far."
  type        = number
  default     = 0
  validation {
    condition     = (var.archive_retention_days == 0 || var.archive_retention_days >= 30) && floor(var.archive_retention_days) == var.archive_retention_days
    error_message = "archive_retention_days must be 0 (never) or at least 30."
  }
}

variable "event_store_expiry_days" {
  description = "Partitions of the event store expire after so many days; 0: never."
  type        = number
  default     = 0
  validation {
    condition     = var.event_store_expiry_days >= 0 && floor(var.event_store_expiry_days) == var.event_store_expiry_days
    error_message = "event_store_expiry_days must be 0 (never) or more."
  }
}

variable "window_seconds" {
  description = "Width of the windows of counts, features and metrics, seconds."
  type        = number
  default     = 60
  validation {
    condition     = var.window_seconds >= 1 && 3600 % var.window_seconds == 0
    error_message = "window_seconds must divide an hour (3600)."
  }
}

variable "allowed_lateness_seconds" {
  description = "An event later than this after its window counts as late, seconds."
  type        = number
  default     = 86400
  validation {
    condition     = var.allowed_lateness_seconds >= 1 && floor(var.allowed_lateness_seconds) == var.allowed_lateness_seconds
    error_message = "allowed_lateness_seconds must be a whole number from 1."
  }
}

variable "dedup_horizon" {
  description = "How long the stream remembers an event id, seconds; a setting of the store, so it changes after a drain only."
  type        = number
  default     = 3600
  validation {
    condition     = var.dedup_horizon >= 4 && floor(var.dedup_horizon) == var.dedup_horizon
    error_message = "dedup_horizon must be a whole number from 4."
  }
}

variable "saga_timeout_minutes" {
  description = "An order without a next step for so long is stuck, minutes of event time."
  type        = number
  default     = 30
  validation {
    condition     = var.saga_timeout_minutes >= 1 && floor(var.saga_timeout_minutes) == var.saga_timeout_minutes
    error_message = "saga_timeout_minutes must be a whole number from 1."
  }
}

variable "readers" {
  description = "Who may read analytics: members such as group:analysts@example.com."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for member in var.readers : can(regex("^(user|group|domain|serviceAccount|principal|principalSet):[^ ]+$", member))])
    error_message = "readers must be members such as group:name@example.com."
  }
}

variable "restricted_readers" {
  description = "Who may read the event store, whole payloads: members."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for member in var.restricted_readers : can(regex("^(user|group|domain|serviceAccount|principal|principalSet):[^ ]+$", member))])
    error_message = "restricted_readers must be members such as group:name@example.com."
  }
}

variable "publishers" {
  description = "Who may publish: the producers' service accounts, as members."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for member in var.publishers : can(regex("^(user|group|domain|serviceAccount|principal|principalSet):[^ ]+$", member))])
    error_message = "publishers must be members such as group:name@example.com."
  }
}

variable "notification_channels" {
  description = "Notification channels of the alerts that exist already: projects/P/notificationChannels/N."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[0-9]+$", channel))])
    error_message = "notification_channels must be projects/PROJECT/notificationChannels/NUMBER."
  }
}

variable "notification_emails" {
  description = "Addresses that get the alerts; each becomes a notification channel."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for address in var.notification_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "notification_emails must be e-mail addresses."
  }
  validation {
    condition     = var.image_tag == "" || length(var.notification_emails) + length(var.notification_channels) > 0
    error_message = "notification_emails or notification_channels must name somebody once jobs run: their alerts reach nobody else."
  }
}

variable "runbooks" {
  description = "Where docs/runbooks can be read; alerts link there."
  type        = string
  default     = "https://example.com/docs/runbooks"
  validation {
    condition     = can(regex("^https://[^ ]+[^/ ]$", var.runbooks))
    error_message = "runbooks must be an https:// address that does not end with a slash."
  }
}

variable "thresholds" {
  description = "When alerts fire; the seed's table and what was added to it."
  type = object({
    lag_seconds         = optional(number, 30)
    throughput_share    = optional(number, 0.8)
    dead_letters        = optional(number, 100)
    backlog_seconds     = optional(number, 600)
    silence_minutes     = optional(number, 15)
    sink_retries        = optional(number, 50)
    sagas_stuck         = optional(number, 10)
    api_latency_seconds = optional(number, 0.5)
    api_error_share     = optional(number, 0.05)
  })
  default = {}
  validation {
    condition     = var.thresholds.throughput_share > 0 && var.thresholds.throughput_share < 1
    error_message = "thresholds.throughput_share must be between 0 and 1."
  }
  validation {
    condition     = alltrue([for value in values(var.thresholds) : value > 0])
    error_message = "thresholds must be greater than 0."
  }
}

variable "api" {
  description = "The Analytics API on Cloud Run and its database; made when image_tag is set. Tokens are of one issuer."
  type = object({
    image_tag     = optional(string, "")
    issuer        = optional(string, "")
    audience      = optional(string, "")
    jwks          = optional(string, "")
    ingress       = optional(string, "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER")
    min_instances = optional(number, 1)
    max_instances = optional(number, 10)
    database_tier = optional(string, "db-custom-2-8192")
  })
  default = {}
  validation {
    condition     = var.api.image_tag == "" || (var.api.image_tag != "latest" && var.api.issuer != "" && var.api.audience != "" && startswith(var.api.jwks, "https://"))
    error_message = "api needs a version as image_tag, an issuer, an audience and an https URL as jwks."
  }
  validation {
    condition     = contains(["INGRESS_TRAFFIC_ALL", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"], var.api.ingress)
    error_message = "api.ingress must be one of Cloud Run's three."
  }
  validation {
    condition     = var.api.min_instances >= 0 && var.api.max_instances >= 1 && var.api.min_instances <= var.api.max_instances
    error_message = "api.min_instances must be at least 0 and at most api.max_instances."
  }
}

variable "schedules" {
  description = "When the schedules run (cron, UTC), and whether they are on; they need an image."
  type = object({
    replay_check = optional(string, "30 2 * * *")
    backfill     = optional(string, "15 * * * *")
    redrive      = optional(string, "0 4 * * 1")
    enabled      = optional(bool, true)
  })
  default = {}
  validation {
    condition     = alltrue([for cron in [var.schedules.replay_check, var.schedules.backfill, var.schedules.redrive] : can(regex("^([0-9*/,-]+ ){4}[0-9*/,-]+$", cron))])
    error_message = "schedules must be cron lines of five fields, such as 30 2 * * *."
  }
}

variable "budget" {
  description = "Monthly budget; alerts at 50, 90 and 100 % of it. An empty billing account makes none."
  type = object({
    billing_account = optional(string, "")
    amount          = optional(number, 500)
    currency        = optional(string, "EUR")
  })
  default = {}
  validation {
    condition     = var.budget.billing_account == "" || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account must be like 012345-6789AB-CDEF01."
  }
  validation {
    condition     = var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount && can(regex("^[A-Z]{3}$", var.budget.currency))
    error_message = "budget must be a whole amount of at least 1, in a currency of three capitals."
  }
}

variable "lake_tables" {
  description = "Whether to create the external tables of the dataset lake; set it once the lake has files of telemetry."
  type        = bool
  default     = false
}

variable "audit_logs" {
  description = "Whether reads of secrets, buckets and keys by others than the workers are logged (data access audit logs)."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether Terraform protects tables and buckets with data from deletion."
  type        = bool
  default     = true
}
