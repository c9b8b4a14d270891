"""The seed job: posts votes to the vote service, as voters would."""
