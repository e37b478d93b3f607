#!/bin/sh
# A batch that pays the invoices of the slot that it was started for.
echo "paying the invoices of $CRONLEDGER_RUN_DATE (attempt $CRONLEDGER_RUN_ATTEMPT)"
