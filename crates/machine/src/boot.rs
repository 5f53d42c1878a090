//! An image booted itself, before a tag moves to it: its own kernel, initramfs and
//! user space in a virtual machine, without an installation and without a network.
//!
//! [`questions`] reads from `image.yaml` and the lock what must hold; [`disk`]
//! makes a disk of the image; [`attempt`] boots it, with the machine, console and
//! judge of [`crate::vm`].

pub mod attempt;
pub mod command;
pub mod disk;
pub mod local_image;
pub mod questions;

#[cfg(test)]
mod tests;
