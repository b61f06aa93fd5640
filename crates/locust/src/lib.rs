//! Reads Locust files and writes an equivalent plan, with a list of what it could not carry over.
