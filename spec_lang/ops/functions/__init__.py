"""The functions of the library, one family a file; `base.FUNCTIONS` imports a family when it is asked for."""
