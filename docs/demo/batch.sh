#!/bin/sh
# A batch: it pays the invoices of the window that it was started for.
echo "paying the invoices of $CRONLEDGER_RUN_SLOT (attempt $CRONLEDGER_RUN_ATTEMPT)"
