"""Who is who on an encrypted connection: certificates, lists of those trusted, passwords, and how long they last."""
