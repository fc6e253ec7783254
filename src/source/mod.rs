//! What reads documents in, one file a format.
