"""The mount probe on real NFS: a User-Mode-Linux kernel mounts exports of nfs-ganesha, and both are broken on purpose.

Nothing of it needs NFS in this machine's own kernel. Both live in network and mount namespaces that end with the run.
"""
