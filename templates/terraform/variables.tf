variable "project" {
  description = "Project id; it must exist and have billing."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be a project id: 6 to 30 small letters, digits and dashes."
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
}

variable "prefix" {
  description = "How all names begin; the doctor takes it as --prefix."
  type        = string
  default     = "event-pipelines"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,17}$", var.prefix))
    error_message = "prefix must be 3 to 18 small letters, digits and dashes: service accounts are named by it."
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
}

variable "max_workers" {
  description = "Workers of the streaming job at most; `python -m pipelines plan --rate R` says how many."
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
  description = "Customer-managed key of buckets, datasets, topics and jobs; empty: Google's."
  type        = string
  default     = ""
}

variable "archive_retention_days" {
  description = "After so many days an archived message is deleted; 0: never. Replay reaches back as far."
  type        = number
  default     = 0
  validation {
    condition     = var.archive_retention_days == 0 || var.archive_retention_days >= 30
    error_message = "archive_retention_days must be 0 (never) or at least 30."
  }
}

variable "event_store_expiry_days" {
  description = "Partitions of the event store expire after so many days; 0: never."
  type        = number
  default     = 0
  validation {
    condition     = var.event_store_expiry_days >= 0
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
}

variable "restricted_readers" {
  description = "Who may read the event store, whole payloads: members."
  type        = set(string)
  default     = []
}

variable "publishers" {
  description = "Who may publish: the producers' service accounts, as members."
  type        = set(string)
  default     = []
}

variable "notification_emails" {
  description = "Who is told of alerts."
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
}

variable "budget" {
  description = "Monthly budget; alerts at 50, 90 and 100 % of it. An empty billing account makes none."
  type = object({
    billing_account = optional(string, "")
    amount          = optional(number, 500)
    currency        = optional(string, "EUR")
  })
  default = {}
}

variable "deletion_protection" {
  description = "Whether Terraform refuses to delete tables and buckets that hold data."
  type        = bool
  default     = true
}
