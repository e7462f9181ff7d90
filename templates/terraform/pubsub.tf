# Dataflow wants plain pull subscriptions: no dead-letter topic, retry policy, ordering or exactly-once delivery.
resource "google_pubsub_topic" "events" {
  for_each                   = var.topics
  name                       = "${each.key}-topic"
  labels                     = local.labels
  kms_key_name               = local.kms_key
  message_retention_duration = "604800s"
  depends_on                 = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}

resource "google_pubsub_subscription" "events" {
  for_each                   = var.topics
  name                       = "${var.prefix}-${each.key}"
  topic                      = google_pubsub_topic.events[each.key].id
  labels                     = local.labels
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"
  retain_acked_messages      = false

  expiration_policy {
    ttl = "" # never
  }
}

# The topics of events have no schema: Pub/Sub would reject at the producer what the dead-letter store must keep.
# What this project itself publishes has one.
resource "google_pubsub_schema" "saga_alerts" {
  name       = "${var.prefix}-saga-alerts"
  type       = "PROTOCOL_BUFFER"
  definition = file("${path.module}/../pubsub/saga_alert.proto")
  depends_on = [google_project_service.on]
}

resource "google_pubsub_topic" "saga_alerts" {
  name         = "${var.prefix}-saga-alerts"
  labels       = local.labels
  kms_key_name = local.kms_key

  schema_settings {
    schema   = google_pubsub_schema.saga_alerts.id
    encoding = "JSON"
  }

  depends_on = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = { for pair in setproduct(var.topics, var.publishers) : "${pair[0]} ${pair[1]}" => pair }
  topic    = google_pubsub_topic.events[each.value[0]].id
  role     = "roles/pubsub.publisher"
  member   = each.value[1]
}
