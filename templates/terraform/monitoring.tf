resource "google_monitoring_notification_channel" "email" {
  for_each     = var.notification_emails
  display_name = "${var.prefix}: ${each.key}"
  type         = "email"
  labels       = { email_address = each.key }
  depends_on   = [google_project_service.on]
}

locals {
  channels = concat(
    [for channel in google_monitoring_notification_channel.email : channel.id],
    tolist(var.notification_channels),
  )
}

resource "google_monitoring_alert_policy" "alert" {
  for_each              = local.policies
  display_name          = each.value.displayName
  combiner              = each.value.combiner
  severity              = each.value.severity
  user_labels           = each.value.userLabels
  notification_channels = local.channels

  dynamic "conditions" {
    for_each = each.value.conditions
    content {
      display_name = conditions.value.displayName

      condition_prometheus_query_language {
        query                     = conditions.value.conditionPrometheusQueryLanguage.query
        duration                  = conditions.value.conditionPrometheusQueryLanguage.duration
        evaluation_interval       = conditions.value.conditionPrometheusQueryLanguage.evaluationInterval
        rule_group                = conditions.value.conditionPrometheusQueryLanguage.ruleGroup
        alert_rule                = conditions.value.conditionPrometheusQueryLanguage.alertRule
        disable_metric_validation = conditions.value.conditionPrometheusQueryLanguage.disableMetricValidation
      }
    }
  }

  documentation {
    content   = each.value.documentation.content
    mime_type = each.value.documentation.mimeType
    subject   = each.value.documentation.subject

    dynamic "links" {
      for_each = each.value.documentation.links
      content {
        display_name = links.value.displayName
        url          = links.value.url
      }
    }
  }

  alert_strategy {
    auto_close = each.value.alertStrategy.autoClose
  }
}

resource "google_monitoring_dashboard" "pipelines" {
  dashboard_json = local.dashboard
  depends_on     = [google_project_service.on]
}

# Log lines as DELTA metrics: what the workers say once a table and kind of error.
resource "google_logging_metric" "rejected_rows" {
  name   = "${var.prefix}/rejected_rows"
  filter = "resource.type=\"dataflow_step\" AND severity>=ERROR AND jsonPayload.message=~\"^table .* rejects rows\""

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "INT64"
    display_name = "Tables that reject rows"
  }
}

resource "google_logging_metric" "unpublished_alerts" {
  name   = "${var.prefix}/unpublished_saga_alerts"
  filter = "resource.type=\"dataflow_step\" AND severity>=ERROR AND jsonPayload.message=~\"saga alerts were not published\""

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "INT64"
    display_name = "Saga alerts that were not published"
  }
}
