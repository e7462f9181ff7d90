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

variable "max_workers" {
  description = "Maximum number of workers of the streaming job; `python -m pipelines plan --rate R` computes it."
  type        = number
  default     = 10
  validation {
    condition     = var.max_workers >= 1 && var.max_workers <= 1000 && floor(var.max_workers) == var.max_workers
    error_message = "max_workers must be a whole number from 1 to 1000."
  }
}

variable "network" {
  description = "VPC network of the workers; empty makes one, with a subnetwork that reaches Google's services privately."
  type        = string
  default     = ""
  validation {
    condition     = (var.network == "") == (var.subnetwork == "")
    error_message = "network and subnetwork must be given together, or neither."
  }
}

variable "subnetwork" {
  description = "regions/R/subnetworks/S of the network given above."
  type        = string
  default     = ""
  validation {
    condition     = var.subnetwork == "" || can(regex("^regions/[a-z0-9-]+/subnetworks/[a-z0-9-]+$", var.subnetwork))
    error_message = "subnetwork must be regions/REGION/subnetworks/NAME."
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

variable "notification_emails" {
  description = "Notification channels of the alerts."
  type        = set(string)
  default     = []
  validation {
    condition     = alltrue([for address in var.notification_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "notification_emails must be e-mail addresses."
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
    lag_seconds      = optional(number, 30)
    throughput_share = optional(number, 0.8)
    dead_letters     = optional(number, 100)
    backlog_seconds  = optional(number, 600)
    silence_minutes  = optional(number, 15)
    sink_retries     = optional(number, 50)
    sagas_stuck      = optional(number, 10)
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

variable "deletion_protection" {
  description = "Whether Terraform protects tables and buckets with data from deletion."
  type        = bool
  default     = true
}
