//! mirrors
