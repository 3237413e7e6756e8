"""May this call be, and for whom? What arrival and departure decide over the live table, each refusal with its reason.
Nothing is changed here but the places that a call takes."""
