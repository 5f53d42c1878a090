//! Programs of the tests.
