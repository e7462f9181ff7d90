# A project to try things in: nothing is protected, one worker, no schedules.
project                 = "my-project-dev"
region                  = "europe-west1"
location                = "EU"
max_workers             = 1
deletion_protection     = false
notification_emails     = ["you@example.com"]
archive_retention_days  = 30
event_store_expiry_days = 30
schedules               = { enabled = false }
