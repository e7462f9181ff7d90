# Production: protected, scheduled, watched, encrypted with a key of our own.
project             = "my-project-prod"
region              = "europe-west1"
location            = "europe-west1" # where the key is
image_tag           = "0.2.0"
start_streaming     = false # `launch streaming` checks an update before it asks for it
max_workers         = 20
machine_type        = "n2-standard-4"
kms_key_name        = "projects/my-project-prod/locations/europe-west1/keyRings/pipelines/cryptoKeys/events"
deletion_protection = true
readers             = ["group:analysts@example.com"]
restricted_readers  = ["group:data-protection@example.com"]
publishers = [
  "serviceAccount:order-service@my-shop.iam.gserviceaccount.com",
  "serviceAccount:customer-service@my-shop.iam.gserviceaccount.com",
  "serviceAccount:inventory-service@my-shop.iam.gserviceaccount.com",
  "serviceAccount:iot-gateway@my-shop.iam.gserviceaccount.com",
]
notification_emails = ["on-call@example.com"]
runbooks            = "https://github.com/my-org/event-pipelines/blob/main/docs/runbooks"
thresholds          = { lag_seconds = 30, dead_letters = 100 }
budget              = { billing_account = "000000-000000-000000", amount = 2000, currency = "EUR" }
