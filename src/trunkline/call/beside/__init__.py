"""What the user agent does beside calls (RFC 3261 §10, §11): it probes, registers, tries trunks, and is a registrar."""
