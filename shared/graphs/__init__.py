"""Graphs of expressions and of nets: traced with their gradients, laid out, and written as SVG, DOT, Mermaid."""
