"""The processes of Stakewire. A service never imports another one; only the command line (`cli`) may import them all."""
