"""The layers of the library, one family a file; `base.LAYERS` imports a family when it is asked for."""
