//! Hand-made OCI layouts.
