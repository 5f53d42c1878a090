//! Butane configs translated to Ignition.
