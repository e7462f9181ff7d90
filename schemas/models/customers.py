"""The customers domain: customer.registered and customer.updated, whose name, email and phone are personal data."""

from schemas.models.field_types import Id, Payload, PersonalText, Text, optional


class Customer(Payload):
    """What is known of a customer; an update carries the fields that changed."""

    customerId: Id
    name: PersonalText = optional()
    email: PersonalText = optional()
    phone: PersonalText = optional()
    country: Text = optional()
    type: Text = optional()
    status: Text = optional()
