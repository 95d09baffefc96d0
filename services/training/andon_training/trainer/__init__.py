"""`andon trainer`: new stations learn by themselves; bundles on trial are promoted or rolled back by rule."""
