"""Graphs of expressions and of nets: traced with gradients, laid out, written as SVG, DOT and Mermaid."""
