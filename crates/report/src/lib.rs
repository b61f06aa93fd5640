//! From an outcome to what people and machines read: terminal text, HTML with SVG, JSON, JUnit.
