//! Screens and headless engines on one store.
