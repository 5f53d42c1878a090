//! `rehearse`: the whole main job on this machine, against throw-away stand-ins.

pub mod standins;
