//! Which versions of a container package may go.
