"""The transaction user and the back-to-back user agent, pure: messages, time and answers in, values out."""
