"""Who calls and what they may: JSON Web Tokens, API keys, scopes."""
